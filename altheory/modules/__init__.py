"""Any `torch.nn.Module` as a network of this package, and two-layer networks as modules and back.

net = al.modules.ModuleNet(module)             # a frozen copy: evaluation mode, trainable parameters as a tuple
net(X)                                         # (n, K)
module = al.modules.to_module(two_layer_net)   # an nn.Module with parameters W and a
net = al.modules.from_module(module)           # and back; also Sequential(Linear, ReLU, Linear)
"""

from altheory.modules._adapter import ModuleNet
from altheory.modules._convert import TwoLayerModule, from_module, to_module

__all__ = ["ModuleNet", "TwoLayerModule", "from_module", "to_module"]
