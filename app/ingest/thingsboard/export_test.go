package thingsboard

// ToStrict is toStrict.
var ToStrict = toStrict
