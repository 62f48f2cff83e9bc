package hub

// Message gives the tests access to message.
type Message = message

// Decode gives the tests access to decode.
func Decode(text []byte) (Message, error) { return decode(text) }

// Encode gives the tests access to encode.
func (m message) Encode() []byte { return m.encode() }
