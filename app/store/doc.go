// Package store holds what the storage engines in its sub-packages share: the
// request queue in front of the group commit, the checks that every reading
// passes, pages and their cursors, the building of buckets, the rules of the
// registry, fault reporting, and defaults of options.
//
// It knows no engine and starts no goroutine. The contract that an engine
// implements is factory.Store; the suite in storetest checks it.
package store
