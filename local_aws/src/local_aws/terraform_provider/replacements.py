"""Arguments whose change makes a new resource, for types whose service model the rules are not derived from.

A plan has to say what it would destroy. Source: `ForceNew` and `RequiresReplace` of provider 6.x. `name` and `region`
count for every such type and are not listed. What is in no list is planned as an update.
"""

from collections.abc import Mapping
from typing import Final

REPLACEMENTS: Final[Mapping[str, frozenset[str]]] = {
    "aws_cloudwatch_dashboard": frozenset({"dashboard_name"}),
    "aws_cloudwatch_log_delivery": frozenset({"delivery_destination_arn", "delivery_source_name"}),
    "aws_cloudwatch_log_delivery_source": frozenset({"log_type", "resource_arn"}),
    "aws_cloudwatch_log_group": frozenset({"log_group_class", "name_prefix"}),
    "aws_cloudwatch_log_resource_policy": frozenset({"policy_name"}),
    "aws_cloudwatch_metric_alarm": frozenset({"alarm_name"}),
    "aws_cognito_user_pool": frozenset({"alias_attributes", "username_attributes", "username_configuration"}),
    "aws_cognito_user_pool_client": frozenset({"generate_secret", "user_pool_id"}),
    "aws_cognito_user_pool_domain": frozenset({"domain", "user_pool_id"}),
    "aws_dynamodb_table": frozenset({"hash_key", "local_secondary_index", "range_key"}),
    "aws_iam_policy": frozenset({"description", "name_prefix", "path"}),
    "aws_iam_role": frozenset({"name_prefix", "path"}),
    "aws_iam_role_policy": frozenset({"name_prefix", "role"}),
    "aws_iam_role_policy_attachment": frozenset({"policy_arn", "role"}),
    "aws_kms_key": frozenset(
        {"custom_key_store_id", "customer_master_key_spec", "key_usage", "multi_region", "xks_key_id"}
    ),
    "aws_lambda_function": frozenset({"function_name", "package_type"}),
    "aws_lambda_permission": frozenset(
        {
            *("action", "event_source_token", "function_name", "function_url_auth_type", "invoked_via_function_url"),
            *("principal", "principal_org_id", "qualifier", "source_account", "source_arn", "statement_id"),
            "statement_id_prefix",
        }
    ),
    "aws_s3_bucket": frozenset({"bucket", "bucket_prefix", "object_lock_enabled"}),
    "aws_s3_bucket_lifecycle_configuration": frozenset({"bucket", "expected_bucket_owner"}),
    "aws_s3_bucket_object_lock_configuration": frozenset({"bucket", "expected_bucket_owner"}),
    "aws_s3_bucket_ownership_controls": frozenset({"bucket"}),
    "aws_s3_bucket_policy": frozenset({"bucket"}),
    "aws_s3_bucket_public_access_block": frozenset({"bucket"}),
    "aws_s3_bucket_server_side_encryption_configuration": frozenset({"bucket", "expected_bucket_owner"}),
    "aws_s3_bucket_versioning": frozenset({"bucket", "expected_bucket_owner"}),
    "aws_security_group": frozenset({"description", "name_prefix", "vpc_id"}),
    "aws_subnet": frozenset({"availability_zone", "cidr_block", "vpc_id"}),
    "aws_vpc": frozenset({"cidr_block"}),
    "aws_vpc_endpoint": frozenset({"service_name", "vpc_endpoint_type", "vpc_id"}),
}
