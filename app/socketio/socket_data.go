package socketio

import (
	"encoding/json"
	"sync"
)

// Data is what a program attaches to a socket. FetchSockets shows it to other
// servers as JSON. The zero value is empty. All methods may be called
// concurrently.
type Data struct {
	mu     sync.Mutex
	values []dataEntry // a slice: most sockets have few values
}

type dataEntry struct {
	key   string
	value any
}

// Set stores a value, replacing an earlier one with the same key.
func (d *Data) Set(key string, value any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.values {
		if d.values[i].key == key {
			d.values[i].value = value
			return
		}
	}
	d.values = append(d.values, dataEntry{key, value})
}

// Get returns the value of a key, nil if there is none.
func (d *Data) Get(key string) any {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, v := range d.values {
		if v.key == key {
			return v.value
		}
	}
	return nil
}

// Values returns a copy of all values.
func (d *Data) Values() map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := make(map[string]any, len(d.values))
	for _, v := range d.values {
		m[v.key] = v.value
	}
	return m
}

// MarshalJSON encodes the values as an object.
func (d *Data) MarshalJSON() ([]byte, error) { return json.Marshal(d.Values()) }
