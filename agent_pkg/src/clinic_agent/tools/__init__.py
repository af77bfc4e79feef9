"""The tools of the agent. None has an argument that names a tenant: the credentials decide whose data they see."""

from clinic_agent.tools.documents import DocumentIndex, document_tool
from clinic_agent.tools.patients import Patients, patient_tools

__all__ = ["DocumentIndex", "Patients", "document_tool", "patient_tools"]
