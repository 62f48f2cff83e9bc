// Package web embeds the pages that people read in a browser and serves them
// over fasthttp. Today that is the operator's manual.
//
// The pages are built before the program is: make web renders the Markdown of
// manual/ into built/, which is committed. A test fails when the two differ.
//
// The package knows nothing of the rest of the product. Everything that it
// exports may be called concurrently.
package web
