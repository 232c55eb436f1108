// Package view says in words what the API's objects mean: text in, text out, no
// I/O and no colour but what the style gives.
package view
