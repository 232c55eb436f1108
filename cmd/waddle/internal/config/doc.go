// Package config is the CLI's own configuration: which daemons it knows and how
// to reach them. Flags win over the environment, that over the chosen context,
// and that over the default, the unix socket of the daemon on this host.
//
// It reads and writes $XDG_CONFIG_HOME/waddle/config.yaml and reads the token
// files that are named to it.
package config
