"""Stand-ins for what a control plane without nodes lacks: kubelet and scheduler, storage, KServe, a gateway.

They play their parts from what they see of Nodes, Pods, claims, InferenceServices and HTTPRoutes alone, and from the
script of each image; they know nothing of the programs that created those.
"""
