/* Runs a program on a simulated Cortex-M or RV32EC (Unicorn), feeds it bytes and counts its cost.
 *
 *     core_runner CORE RAM PROGRAM.elf INPUT OUTPUT MAX_COST
 *
 * CORE is M0 (whose instructions the M0+ has), M4 or RV32EC, and RAM its bytes of RAM. The rest is
 * that of avr_runner.c: the ports (device.h), the files, the lines on standard output and the exit
 * status. It also counts the few instructions of `main` that share a basic block with a span.
 *
 * The cost on a Cortex-M is the number of instructions. On an RV32EC it is cycles, as they were
 * measured on a CH32V003 at 48 MHz, whose flash gives 4 bytes every 2 cycles: an instruction takes
 * 1 if it has 2 bytes, 2 if it has 4; a load or a store takes 2, and a jump 4 more, or 5 to an
 * address that is no multiple of 4 (github.com/cpldcpu/DRAM_exploration, instruction_timing;
 * github.com/jnk0le/random, pipeline cycle test). No measurement of a load from flash was found: it
 * is taken for 4, because it has to wait for the same flash.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

enum { RAM = 0x20000000, PORTS = 0x40000000, FLASH_BYTES = 1 << 20, PAGE = 1 << 12 };
enum { GP = RAM + 0x800 };                      /* the global pointer of an RV32EC (riscv.ld) */
enum { JUMP = 4, UNALIGNED = 1, FLASH_LOAD = 2 }; /* cycles of an RV32EC that come on top */
enum { MARK = 2 };    /* offset of a port in device.h; a write to another one is output */
enum { PAINT = 0xa5, PAINTED = 512 }; /* bytes of stack, and above the variables, that are watched */

static FILE *input, *output;
static int is_riscv, sp_register, counting, hung;
static long long count, max_cost; /* count: of a span; outside of one, since the last read */
static uint32_t variables_end, top, lowest, painted;
static uint64_t block_end;               /* of the block before */
static int costs[FLASH_BYTES / 2];       /* of each block, by half its address; 0: not yet counted */
static uint8_t code[FLASH_BYTES];

static uint32_t stack_pointer(uc_engine *uc) {
    uint32_t value = 0;
    uc_reg_read(uc, sp_register, &value);
    return value;
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned size, void *unused) {
    const int byte = getc(input);
    (void)offset, (void)size, (void)unused;
    if (!counting) count = 0;
    if (byte == EOF) uc_emu_stop(uc);
    return byte == EOF ? 0 : (uint64_t)byte;
}

static void on_mark(uc_engine *uc, int begins) {
    uint8_t below[PAINTED];
    uint32_t untouched = 0, used;
    counting = begins;
    if (begins) {
        count = 0;
        top = lowest = stack_pointer(uc);
        painted = top <= variables_end ? 0 : top - variables_end;
        if (painted > PAINTED) painted = PAINTED;
        memset(below, PAINT, sizeof below);
        uc_mem_write(uc, top - painted, below, painted);
        return;
    }
    uc_mem_read(uc, top - painted, below, painted);
    while (untouched < painted && below[untouched] == PAINT) untouched++;
    used = painted - untouched;
    printf("%lld %u\n", count, used > top - lowest ? used : top - lowest);
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value, void *unused) {
    (void)size, (void)unused;
    if (offset == MARK)
        on_mark(uc, value != 0);
    else
        putc((int)(value & 0xff), output);
}

/* Thumb instructions have 4 bytes if they begin with 11101, 11110 or 11111, otherwise 2. Those of
 * an RV32EC have 4 if they end with 11. Jumps that are taken come on top. */
static int cost_of(uint32_t size) {
    int cost = 0;
    uint32_t at = 0;
    while (at < size) {
        const uint8_t low = code[at], high = code[at + 1];
        int is_long = high >> 3 >= 0x1d, moves = 0;
        if (is_riscv) {
            is_long = (low & 3) == 3;
            moves = (low & 1) == 0 && (high >> 5 == 2 || high >> 5 == 6); /* c.lw, c.sw and …sp */
        }
        cost += is_riscv && (is_long || moves) ? 2 : 1;
        at += is_long ? 4 : 2;
    }
    return cost;
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *unused) {
    int *cost = &costs[address % FLASH_BYTES / 2];
    (void)unused;
    if (!*cost) {
        uc_mem_read(uc, address, code, size);
        *cost = cost_of(size);
    }
    count += *cost;
    if (is_riscv && address != block_end) count += JUMP + UNALIGNED * (address % 4 != 0);
    block_end = address + size;
    if (counting && stack_pointer(uc) < lowest) lowest = stack_pointer(uc);
    hung = count > max_cost;
    if (hung) uc_emu_stop(uc);
}

static void on_flash_load(uc_engine *uc, uc_mem_type type, uint64_t address, int size,
                          int64_t value, void *unused) {
    (void)uc, (void)type, (void)address, (void)size, (void)value, (void)unused;
    count += FLASH_LOAD;
}

static uint32_t number(const uint8_t *at, int bytes) {
    uint32_t value = 0;
    while (bytes--) value = value << 8 | at[bytes];
    return value;
}

/* Loads the segments of a 32-bit ELF file. Returns the address of its entry. */
static uint32_t loaded(uc_engine *uc, const char *path) {
    static uint8_t elf[FLASH_BYTES * 4];
    FILE *file = fopen(path, "rb");
    const uint8_t *header;
    uint32_t headers;
    if (!file || !fread(elf, 1, sizeof elf, file)) exit(2);
    fclose(file);
    header = elf + number(elf + 28, 4);
    variables_end = RAM;
    for (headers = number(elf + 44, 2); headers--; header += number(elf + 42, 2)) {
        const uint32_t offset = number(header + 4, 4), address = number(header + 8, 4);
        const uint32_t end = address + number(header + 20, 4);
        if (number(header, 4) != 1) continue; /* not to be loaded */
        if (uc_mem_write(uc, address, elf + offset, number(header + 16, 4))) exit(2);
        if (end > variables_end) variables_end = end;
    }
    return number(elf + 24, 4);
}

static uc_engine *opened(const char *core, uint32_t ram) {
    const uint32_t sp = RAM + ram, gp = GP;
    uc_engine *uc;
    uc_hook hook;
    is_riscv = !strcmp(core, "RV32EC");
    if (is_riscv) {
        sp_register = UC_RISCV_REG_SP;
        if (uc_open(UC_ARCH_RISCV, UC_MODE_RISCV32, &uc)) exit(2);
        uc_reg_write(uc, UC_RISCV_REG_GP, &gp);
    } else {
        sp_register = UC_ARM_REG_SP;
        if (uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &uc)) exit(2);
        uc_ctl_set_cpu_model(uc, strcmp(core, "M4") ? UC_CPU_ARM_CORTEX_M0 : UC_CPU_ARM_CORTEX_M4);
    }
    if (uc_mem_map(uc, 0, FLASH_BYTES, UC_PROT_ALL) ||
        uc_mem_map(uc, RAM, ram < PAGE ? PAGE : ram, UC_PROT_ALL) ||
        uc_mmio_map(uc, PORTS, PAGE, on_read, NULL, on_write, NULL) ||
        uc_reg_write(uc, sp_register, &sp) ||
        uc_hook_add(uc, &hook, UC_HOOK_BLOCK, (void *)on_block, NULL, 1, 0) ||
        (is_riscv && uc_hook_add(uc, &hook, UC_HOOK_MEM_READ, (void *)on_flash_load, NULL,
                                 (uint64_t)0, (uint64_t)FLASH_BYTES - 1)))
        exit(2);
    return uc;
}

int main(int words, char **word) {
    uc_engine *uc;
    uc_err error;
    uint32_t entry;
    if (words != 7) return 2;
    uc = opened(word[1], (uint32_t)strtoul(word[2], NULL, 10));
    entry = loaded(uc, word[3]);
    input = fopen(word[4], "rb");
    output = fopen(word[5], "wb");
    max_cost = strtoll(word[6], NULL, 10);
    if (!input || !output) return 2;
    error = uc_emu_start(uc, entry, FLASH_BYTES, 0, 0);
    if (error) {
        fprintf(stderr, "%s", uc_strerror(error));
        return 3;
    }
    if (hung) return 4;
    return fclose(output) || ferror(stdout) ? 2 : 0;
}
