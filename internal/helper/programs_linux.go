package helper

func programs() map[string]program {
	return map[string]program{Reset: reset, Verify: verify, Doctor: doctor}
}
