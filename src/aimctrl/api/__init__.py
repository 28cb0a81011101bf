"""The AIM kinds (group `aim.silogen.ai/v1alpha1`) as pydantic models; their CRDs are generated from these."""
