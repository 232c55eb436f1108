// Package upstream serves what a platform downloads from the internet: Talos' Image Factory
// and Debian's cloud images, as the real servers answer, with images that are small but carry
// their format's header. It refuses what the real ones refuse: an image of a schematic that
// nobody registered, an extension that is not there, a build that was never made.
//
// It holds everything in memory and touches nothing on the machine.
package upstream
