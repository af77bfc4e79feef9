# Lambda gives and takes checksums in base64, manifests hold hex, and Terraform has no function between them: every 3 hex
# digits are 12 bits, which are 2 base64 digits. 64 digits are filled up to 66, so the last base64 digit is padding.
locals {
  _base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
  _chunks = [for i in range(22) : parseint(substr("${var.package.sha256}00", 3 * i, 3), 16)]
  _digits = join("", [for n in local._chunks : "${substr(local._base64, floor(n / 64), 1)}${substr(local._base64, n % 64, 1)}"])

  sha256_base64 = "${substr(local._digits, 0, 43)}="
}
