// Package execute runs the typed commands of package grammar: zfs by argv below
// one root dataset (pkg/zfs), targetcli scripts as operations on the kernel's
// iSCSI target (pkg/iscsi). It starts no shell.
//
// It is where the endpoint's policy is: which properties may be set to what, how
// much the volumes together may promise, that a target's name, its backstore and
// its device all follow from one volume id, and that a volume never shrinks.
// zfs's own answers are passed on as they are; what is refused here is refused
// with a sentence that reaches the claim's events.
//
// On the host it touches what pkg/zfs and pkg/iscsi touch, nothing else. A
// change that has begun is finished even when the client is gone; waiting,
// reading and copying end with the client.
package execute
