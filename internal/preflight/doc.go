// Package preflight says for each thing that the platform needs of the host whether it is there, and what to
// do when it is not. It changes nothing.
//
// What only the platform document knows (node, storages, bridges, sizes) is taken from it; without a valid
// one these checks are of the plan's own values, and a check says that the document is missing.
package preflight
