// Package cli is the command line: it finds the sub-command, hands it a
// context that ends with the first signal, and turns its outcome into an exit
// code. Sub-commands write to the streams that they are given and return;
// nothing here ends the process.
package cli
