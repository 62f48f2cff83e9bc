// Package storetest is the contract suite of factory.Store: Run checks one
// engine. Package memory serves as the reference model of the randomized
// tests.
//
// The suite only uses the public interface, so it makes no assumption about
// how an engine works. Each test opens its own stores and runs in parallel
// with the others.
package storetest
