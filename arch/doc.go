// Package arch describes decoders as data: Config (the facts), Model (Config and the weights, bound to where they are
// used) and Load, which makes a Model of a file's metadata and tensors.
//
// One file per architecture turns its metadata into a Config and registers itself; no other code knows an
// architecture's name. To add one, write <name>.go with an init that calls register, and a fixture; what it needs
// beyond the switches of Config is a new switch there, and never a name.
package arch
