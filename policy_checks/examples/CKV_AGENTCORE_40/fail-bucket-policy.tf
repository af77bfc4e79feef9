resource "aws_s3_bucket" "documents" {
  bucket = "clinic-documents"
}

resource "aws_s3_bucket_policy" "documents" {
  bucket = aws_s3_bucket.documents.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Runtime"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::111122223333:role/clinic-reports" }
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::clinic-documents/*"
    }]
  })
}
