resource "aws_bedrockagentcore_agent_runtime" "this" {
  agent_runtime_name = "clinic_agent"
  role_arn           = "arn:aws:iam::111122223333:role/clinic-runtime"
  agent_runtime_artifact {
    code_configuration {
      runtime     = "PYTHON_3_11"
      entry_point = ["main.py"]
      code {
        s3 {
          bucket = "clinic-artifacts"
          prefix = "agents/clinic-agent/1.0.0/runtime.zip"
        }
      }
    }
  }
  network_configuration {
    network_mode = "PUBLIC"
  }
  lifecycle_configuration = [{
    idle_runtime_session_timeout = 900
    max_lifetime                 = 28800
  }]
}
