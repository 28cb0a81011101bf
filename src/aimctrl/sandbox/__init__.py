"""Stand-ins for what a control plane without nodes lacks: kubelet and scheduler, KServe, a gateway.

They play their parts from what they see of Nodes, Pods, InferenceServices and HTTPRoutes alone, and from the script of
each image; they know nothing of the programs that created those.
"""
