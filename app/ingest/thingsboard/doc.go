// Package thingsboard decodes the telemetry formats of ThingsBoard: what a device
// posts for itself, and what a gateway posts for many devices.
//
//	{"temperature":21.5}
//	{"ts":1700000000000,"values":{"temperature":21.5}}
//
// or an array of either; from a gateway, an object with one of these for each
// device. An object is of the second form if it has both "ts" and "values".
//
// As in ThingsBoard, true is 1, false is 0, and a string that spells a JSON
// number is that number. Other strings are texts, and so are objects and arrays, as
// JSON. Texts that are too long are skipped and counted.
package thingsboard
