// Package grammar is the closed language that democratic-csi's
// zfs-generic-iscsi driver speaks over SSH: the exec strings that it sends,
// parsed into typed commands and rendered back.
//
// Parse accepts a string only when the command that it found renders to the
// same bytes, so what runs later is exactly what was read and nothing beside it.
// Names can only be below the two datasets of a Layout; a targetcli script is a
// typed operation, not text.
//
// It is pure: it touches nothing on the host and knows no policy. Which
// properties, sizes and target names are allowed is decided by package execute.
//
// The wire contract is the driver's source (src/utils/zfs.js,
// src/driver/controller-zfs*/index.js of democratic-csi 1.9) and what it was
// seen to send.
package grammar
