package socketio

import (
	"encoding/json"
	"sync"
)

// Data is what a program attaches to a socket. Other servers see it by
// FetchSockets, as JSON. The zero value is empty; all methods may be called
// concurrently.
type Data struct {
	mu     sync.Mutex
	values []dataEntry // few: a slice is smaller than a map
}

type dataEntry struct {
	key   string
	value any
}

// Set keeps a value, in place of an older one of that key.
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

// Values returns a copy of all of it.
func (d *Data) Values() map[string]any {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := make(map[string]any, len(d.values))
	for _, v := range d.values {
		m[v.key] = v.value
	}
	return m
}

// MarshalJSON makes an object of it.
func (d *Data) MarshalJSON() ([]byte, error) { return json.Marshal(d.Values()) }
