"""Why an AIM object is as it is: the operator's own observe and decide, told to a person."""
