"""The tools behind the Gateway. None has an argument that names a tenant: the credentials decide whose data it sees."""

from clinic_agent.tools.clinic_data import TOOL_ARGUMENTS, ClinicData
from clinic_agent.tools.documents import DocumentIndex
from clinic_agent.tools.patients import Patients
from clinic_agent.tools.profile import ClinicProfile

__all__ = ["TOOL_ARGUMENTS", "ClinicData", "ClinicProfile", "DocumentIndex", "Patients"]
