package socketio_test

import (
	"encoding/base64"
	"encoding/json"
)

func base64Of(data string) string { return base64.StdEncoding.EncodeToString([]byte(data)) }

func unbase64(text string) string {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
