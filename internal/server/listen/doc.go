// Package listen makes the API's listeners: the unix socket, and the TCP listener
// on the internal address that is there before the address is, outlives it, and
// follows it when the platform moves it.
//
// On the host it owns the socket file that it is given and the TCP port.
package listen
