package place

// PutText is Placer.PutText on the file system of this machine.
func PutText(path, text, scratch string) error { return Placer{OS{}}.PutText(path, text, scratch) }
