// Package test holds what needs more than one package: the arrows between
// packages, and journeys of the real daemon through the lab.
package test
