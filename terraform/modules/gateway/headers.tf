# Headers that AgentCore does not pass on to a target, in lower case; x-amz* goes without saying. Authorization has a footnote
# in the documentation, and the platform does without it.
locals {
  restricted_headers = [
    "accept", "accept-ch", "accept-ch-lifetime", "accept-charset", "accept-encoding", "accept-language", "accept-ranges",
    "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
    "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age",
    "access-control-request-headers", "access-control-request-method", "authorization", "cache-control",
    "cf-connecting-ip", "cf-ray", "clear-site-data", "connection", "content-encoding", "content-language",
    "content-length", "content-location", "content-range", "content-security-policy",
    "content-security-policy-report-only", "content-type", "cookie", "cross-origin-embedder-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "date", "downlink", "dpr", "ect", "etag", "expect-ct",
    "expires", "feature-policy", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "keep-alive", "last-modified", "link", "location", "origin", "permissions-policy", "pragma",
    "proxy-authorization", "proxy-connection", "public-key-pins", "public-key-pins-report-only", "range", "referer",
    "referrer-policy", "retry-after", "rtt", "save-data", "sec-websocket-accept", "sec-websocket-extensions",
    "sec-websocket-key", "sec-websocket-protocol", "sec-websocket-version", "server", "set-cookie",
    "strict-transport-security", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "viewport-width",
    "width", "www-authenticate", "x-cache", "x-content-type-options", "x-csrf-token", "x-forwarded-for",
    "x-forwarded-host", "x-forwarded-proto", "x-frame-options", "x-real-ip", "x-requested-with", "x-served-by",
    "x-xss-protection",
  ]
}
