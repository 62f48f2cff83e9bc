// Package web embeds what people open in a browser and serves it over fasthttp:
// the live page and the operator's manual.
//
// Both are built before the program is. make web renders the Markdown of manual/
// and builds the TypeScript of page/ into built/, which is committed, so that go
// run needs no Node.js. Tests fail when built/ differs from its sources.
//
// The package knows nothing of the rest of the product. Everything that it
// exports may be called concurrently.
package web
