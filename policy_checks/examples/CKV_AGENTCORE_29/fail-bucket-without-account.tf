resource "aws_lambda_permission" "this" {
  function_name = "clinic-claims"
  action        = "lambda:InvokeFunction"
  principal     = "s3.amazonaws.com"
  source_arn    = "arn:aws:s3:::clinic-documents"
}
