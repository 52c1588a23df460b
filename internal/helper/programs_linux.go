package helper

func programs() map[string]program {
	return map[string]program{Put: put, Reset: reset, Verify: verify, Doctor: doctor}
}
