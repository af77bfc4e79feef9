resource "aws_s3_bucket" "documents" {
  bucket = "clinic-documents"
}

resource "aws_s3_bucket_policy" "documents" {
  bucket = aws_s3_bucket.documents.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::clinic-documents", "arn:aws:s3:::clinic-documents/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
