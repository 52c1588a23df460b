package main

import "syscall"

// dieWithParent has the kernel kill the process when this one dies without a chance to.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
