// Package storetest holds what tests of stores share: Run, the contract suite
// that every engine of factory.Store must pass, and Memory, a store without a
// disk that serves as the model in Run and as a fake elsewhere.
//
// The suite calls the store as a transport does and looks only at answers, so
// it says nothing of how an engine works. Each test opens stores of its own
// and may run beside the others.
package storetest
