/*
 * A TCG plugin of QEMU's that counts the instructions of an Arm core, and writes down at which of them something happens:
 * markers, which the firmware has (src/marker.rs), and what reads or writes PRIMASK, the register that masks interrupts.
 * It draws no conclusions.
 *
 * The file that is its argument `out` gets a word of 64 bits for each, in the host's order of bytes. The upper byte says
 * what it is, the rest which instruction, counted from 1:
 *
 *   8 to 15  this hint, of those that mean nothing to the core: a marker
 *   16       mrs rN, PRIMASK
 *   17       msr PRIMASK, rN
 *   18       cpsid i
 *   19       cpsie i
 *   255      the end
 *
 * With another argument, `row=N`, each instruction from the N-th marker for a row to the next one is written down, too, but
 * markers, before what happens at it:
 *
 *   1        the rest is its address
 *
 * It is for the first version of the plugins' interface, which QEMU has up to version 8. Some distributions come without
 * its header: what is needed of it is declared here.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_CB_NO_REGS = 0 };
enum { QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*callback)(unsigned int, void *),
                                            int flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *memory, uint64_t operand);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*callback)(qemu_plugin_id_t, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

EXPORT int qemu_plugin_version = 1;

enum { ADDRESS = 1, ROW = 8, LAST_MARKER = 15, MRS, MSR, CPSID, CPSIE, END = 255, NOTHING = -1 };

static uint64_t count;
static FILE *out;

/* The row whose instructions are wanted, if one is, and the present one. */
static unsigned long wanted, row;

static void note(unsigned kind, uint64_t rest)
{
    uint64_t word = (uint64_t)kind << 56 | rest;

    if (fwrite(&word, sizeof word, 1, out) != 1) {
        perror("the counting plugin cannot write");
        exit(1);
    }
}

static void executed(unsigned int cpu, void *kind)
{
    (void)cpu;
    count++;
    if ((uintptr_t)kind == ROW)
        row++;
    note((unsigned)(uintptr_t)kind, count);
}

static void passed(unsigned int cpu, void *address)
{
    (void)cpu;
    if (row == wanted)
        note(ADDRESS, (uintptr_t)address);
}

/* What an instruction is, by its half-words. */
static int kind_of(uint16_t first, uint16_t second)
{
    if (first >> 11 < 0x1d) { /* Of 16 bits. */
        if ((first & 0xff8f) == 0xbf80)
            return first >> 4 & 15;
        if ((first & 0xffea) == 0xb662) /* i, and f perhaps */
            return first & 0x10 ? CPSID : CPSIE;
        return NOTHING;
    }
    if (first == 0xf3ef && (second & 0xf0ff) == 0x8010)
        return MRS;
    if ((first & 0xfff0) == 0xf380 && (second & 0xf0ff) == 0x8010)
        return MSR;
    return NOTHING;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t length = qemu_plugin_tb_n_insns(tb);

    (void)id;
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint8_t *bytes = qemu_plugin_insn_data(insn);
        uint16_t first = bytes[0] | bytes[1] << 8;
        /* An instruction of 16 bits may be said to have 4 bytes; the other way round it does not happen. */
        uint16_t second = qemu_plugin_insn_size(insn) >= 4 ? bytes[2] | bytes[3] << 8 : 0;
        int kind = kind_of(first, second);

        if (wanted != 0 && !(kind >= ROW && kind <= LAST_MARKER))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, passed, QEMU_PLUGIN_CB_NO_REGS,
                                                   (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
        if (kind == NOTHING)
            qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &count, 1);
        else
            qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)kind);
    }
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    note(END, count);
    if (fclose(out) != 0)
        perror("the counting plugin cannot write");
}

static int usage(void)
{
    fprintf(stderr, "the counting plugin takes the arguments out=FILE and, if wanted, row=N\n");
    return 1;
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    const char *path = NULL;

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0)
            path = argv[i] + 4;
        else if (strncmp(argv[i], "row=", 4) == 0)
            wanted = strtoul(argv[i] + 4, NULL, 10);
        else
            return usage();
    }
    if (path == NULL)
        return usage();
    out = fopen(path, "wb");
    if (out == NULL) {
        perror(path);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
