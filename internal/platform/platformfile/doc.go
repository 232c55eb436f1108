// Package platformfile keeps the platform document on disk.
//
// On the host it owns the file that it is given (/etc/waddle/platform.yaml) and,
// beside it, the document that was there before (platform.yaml.previous), a lock
// file and temporary files. It touches nothing else. An operator may edit the
// document with an editor at any time: the next Read sees it.
package platformfile
