// Package memory is an engine of factory.Store that keeps everything in Go
// maps and nothing on disk. The contract suite in storetest uses it as the
// reference model, and tests of other packages use it as their store.
//
// It favors obvious code over speed: most queries sort or scan all series, and
// one mutex serializes all calls. A Store is safe for concurrent use.
package memory
