// Package platformtest draws platform documents for the tests of those who read
// them. It touches nothing.
package platformtest
