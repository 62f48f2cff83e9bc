// Package web embeds the pages that people read in a browser and serves them
// over fasthttp. Today that is the operator's manual.
//
// It knows nothing of the rest of the product. Everything that it exports may
// be called concurrently.
package web
