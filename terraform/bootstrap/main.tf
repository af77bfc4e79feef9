locals {
  buckets = {
    state     = "${var.name_prefix}-state-${var.account_id}-${var.region}"
    artifacts = "${var.name_prefix}-artifacts-${var.account_id}-${var.region}"
  }

  tls_only = { for use in keys(local.buckets) : use => {
    Sid       = "TlsOnly"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = [aws_s3_bucket.this[use].arn, "${aws_s3_bucket.this[use].arn}/*"]
    Condition = { Bool = { "aws:SecureTransport" = "false" } }
  } }

  # A published version stays what it is: environments name it by key and checksum, and a rollback needs it years later.
  # Everybody is denied, whatever their own policies say; the way out is the break-glass role, or a change of this policy.
  immutable = [
    merge(
      {
        Sid       = "NobodyDeletesReleases"
        Effect    = "Deny"
        Principal = "*"
        Action = [
          "s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectTagging", "s3:DeleteObjectVersion",
          "s3:DeleteObjectVersionTagging",
        ]
        Resource = "${aws_s3_bucket.this["artifacts"].arn}/${var.releases_prefix}*"
      },
      var.break_glass_role_arn == null ? {} : { Condition = { ArnNotEquals = { "aws:PrincipalArn" = [var.break_glass_role_arn] } } },
    ),
    {
      # An upload has to say If-None-Match, and fails if the key is taken. Parts of an upload can't say it, and create no
      # object: s3:ObjectCreationOperation leaves them out. The break-glass role may delete, but not overwrite either.
      Sid       = "NobodyOverwritesReleases"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.this["artifacts"].arn}/${var.releases_prefix}*"
      Condition = {
        Bool = { "s3:ObjectCreationOperation" = "true" }
        Null = { "s3:if-none-match" = "true" }
      }
    },
  ]

  # Every environment has a key of its own in the bucket, and a lock file beside it.
  backend_config = { for environment in var.environments : environment => <<-TEXT
    bucket       = "${local.buckets.state}"
    key          = "environments/${environment}/terraform.tfstate"
    region       = "${var.region}"
    encrypt      = true
    kms_key_id   = "${aws_kms_key.this.arn}"
    use_lockfile = true
  TEXT
  }
}

resource "aws_kms_key" "this" {
  description             = "${var.name_prefix}: Terraform state and agent artifacts"
  enable_key_rotation     = true
  deletion_window_in_days = var.kms_deletion_window_days
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      # The account decides by IAM policies; no principal is named here, so nobody else can be let in by mistake.
      Sid       = "AccountDecidesByIam"
      Effect    = "Allow"
      Principal = { AWS = "arn:${var.partition}:iam::${var.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name_prefix}-bootstrap"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:Data events of CloudTrail, which is the account's, name the role that read; access logs do not
  # checkov:skip=CKV_AWS_144:State and releases belong to one Region; another Region has its own bootstrap
  # checkov:skip=CKV2_AWS_62:Nothing waits for new states and releases
  for_each      = local.buckets
  bucket        = each.value
  force_destroy = !var.protect_data
  # Only at creation: set or unset later, it makes a new bucket.
  object_lock_enabled = each.key == "artifacts" && var.object_lock != null ? true : null
}

# Keeps versions for a time even from the break-glass role (GOVERNANCE: unless it says so; COMPLIANCE: from everybody).
resource "aws_s3_bucket_object_lock_configuration" "artifacts" {
  count  = var.object_lock == null ? 0 : 1
  bucket = aws_s3_bucket.this["artifacts"].id
  rule {
    default_retention {
      mode = var.object_lock.mode
      days = var.object_lock.days
    }
  }
  depends_on = [aws_s3_bucket_versioning.this]
}

# Old states hold what was once in them; the newest ten are kept whatever their age. Releases never expire. Where data is
# disposable none of this matters, and the provider waits a minute until rules have spread.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = { for use, bucket in aws_s3_bucket.this : use => bucket if var.protect_data && var.state_version_days != null }
  bucket   = each.value.id

  rule {
    id     = "uploads-that-were-never-finished"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
  dynamic "rule" {
    for_each = each.key == "state" ? [var.state_version_days] : []
    content {
      id     = "old-states"
      status = "Enabled"
      filter {}
      noncurrent_version_expiration {
        noncurrent_days           = rule.value
        newer_noncurrent_versions = 10
      }
    }
  }
  depends_on = [aws_s3_bucket_versioning.this]
}

# Versions undo a lost state file, and keep what a release once shipped even if somebody writes over its key.
resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = aws_s3_bucket.this
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.tls_only[each.key]], [for s in local.immutable : s if each.key == "artifacts" && var.immutable_releases])
  })
  # S3 refuses two changes of one bucket's access settings at the same moment.
  depends_on = [aws_s3_bucket_public_access_block.this]
}
