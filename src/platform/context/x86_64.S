/* void tend__swap(void **save_sp, void *to_sp)
 * and the first frame of a context. */
	.text

	.globl tend__swap
	.hidden tend__swap
	.type tend__swap, @function
	.p2align 4
tend__swap:
	.cfi_startproc
	endbr64
	pushq %rbp
	.cfi_adjust_cfa_offset 8
	pushq %rbx
	.cfi_adjust_cfa_offset 8
	pushq %r12
	.cfi_adjust_cfa_offset 8
	pushq %r13
	.cfi_adjust_cfa_offset 8
	pushq %r14
	.cfi_adjust_cfa_offset 8
	pushq %r15
	.cfi_adjust_cfa_offset 8
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	.cfi_adjust_cfa_offset -8
	popq %r14
	.cfi_adjust_cfa_offset -8
	popq %r13
	.cfi_adjust_cfa_offset -8
	popq %r12
	.cfi_adjust_cfa_offset -8
	popq %rbx
	.cfi_adjust_cfa_offset -8
	popq %rbp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size tend__swap, .-tend__swap

/* tend__context_make() laid r12 = entry and r13 = argument for tend__swap() to
 * pop. The frame has no caller: an unwinder ends here. */
	.globl tend__first_frame
	.hidden tend__first_frame
	.type tend__first_frame, @function
	.p2align 4
tend__first_frame:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	xorl %ebp, %ebp
	movq %r13, %rdi
	call *%r12
	ud2
	.cfi_endproc
	.size tend__first_frame, .-tend__first_frame

	.section .note.GNU-stack, "", @progbits
