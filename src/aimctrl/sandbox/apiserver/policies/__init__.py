"""ValidatingAdmissionPolicies: rules about requests, in CEL, that whoever runs a cluster makes."""
