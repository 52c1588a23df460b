package onnxruntime

import "testing"

// The places of the functions in version 20 of ONNX Runtime's table, by the names of the members of
// struct OrtApi, counted from 0 in onnxruntime_c_api.h of 1.20. Later versions only add members
// behind SetEpDynamicOptions, place 284. A wrong place is not an error but another function that is
// called: AddExternalInitializers took any provider's name, and the processor computed.
func TestFunctionsAreWhereTheHeaderHasThem(t *testing.T) {
	t.Parallel()
	seen := map[function]bool{}
	for _, f := range []struct {
		here   function
		member string
		place  function
	}{
		{fnGetErrorMessage, "GetErrorMessage", 2},
		{fnCreateSessionFromArray, "CreateSessionFromArray", 8},
		{fnRun, "Run", 9},
		{fnCreateSessionOptions, "CreateSessionOptions", 10},
		{fnDisableMemPattern, "DisableMemPattern", 17},
		{fnDisableCPUMemArena, "DisableCpuMemArena", 19},
		{fnSetGraphOptimizationLevel, "SetSessionGraphOptimizationLevel", 23},
		{fnCreateTensorWithDataAsOrtValue, "CreateTensorWithDataAsOrtValue", 49},
		{fnCreateCPUMemoryInfo, "CreateCpuMemoryInfo", 69},
		{fnReleaseEnv, "ReleaseEnv", 92},
		{fnReleaseStatus, "ReleaseStatus", 93},
		{fnReleaseMemoryInfo, "ReleaseMemoryInfo", 94},
		{fnReleaseSession, "ReleaseSession", 95},
		{fnReleaseValue, "ReleaseValue", 96},
		{fnReleaseSessionOptions, "ReleaseSessionOptions", 100},
		{fnCreateEnvWithGlobalThreadPools, "CreateEnvWithGlobalThreadPools", 119},
		{fnDisablePerSessionThreads, "DisablePerSessionThreads", 120},
		{fnCreateThreadingOptions, "CreateThreadingOptions", 121},
		{fnReleaseThreadingOptions, "ReleaseThreadingOptions", 122},
		{fnAddSessionConfigEntry, "AddSessionConfigEntry", 130},
		{fnSetGlobalIntraOpNumThreads, "SetGlobalIntraOpNumThreads", 147},
		{fnSetGlobalInterOpNumThreads, "SetGlobalInterOpNumThreads", 148},
		{fnSetGlobalSpinControl, "SetGlobalSpinControl", 149},
		{fnSetGlobalDenormalAsZero, "SetGlobalDenormalAsZero", 155},
		{fnSessionOptionsAppendExecProvider, "SessionOptionsAppendExecutionProvider", 216},
		{tableSize - 1, "SetEpDynamicOptions", 284},
	} {
		if f.here != f.place {
			t.Errorf("%s is at %d, and %d is called", f.member, f.place, f.here)
		}
		if seen[f.here] {
			t.Errorf("%s: %d is there twice", f.member, f.here)
		}
		seen[f.here] = true
	}
}
