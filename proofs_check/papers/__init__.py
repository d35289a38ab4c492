"""The papers, by key, in the order of the mission. A paper's package holds one theorem (or one section) a module."""

PAPERS = {"dynamical": "Deep Active Learning by Leveraging Training Dynamics (dynamicAL, 2022)"}
