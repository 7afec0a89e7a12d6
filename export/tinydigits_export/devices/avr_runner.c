/* Runs a program on a simulated AVR (libsimavr), feeds it bytes and counts its cycles.
 *
 *     avr_runner MCU PROGRAM.elf INPUT OUTPUT MAX_CYCLES
 *
 * INPUT holds the bytes that the program reads (see device.h). The runner writes the program's
 * output bytes to OUTPUT, and one line for each counted span, `cycles stack-bytes`, to standard
 * output. Exit status: 0 if the program asked for more input than there is, which is how it ends;
 * 2 if the runner could not start or write; 3 if the program crashed, stopped or slept; 4 if one
 * span or wait took more than MAX_CYCLES.
 */
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <simavr/sim_io.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { READ = 0x20, WRITE = 0x21, MARK = 0x22 }; /* data addresses of the ports in device.h */
enum { SP_LOW = 0x5d, SP_HIGH = 0x5e };

static FILE *input, *output;
static int ended, counting;
static unsigned stack_at_start, stack_lowest, ram_end;
static avr_cycle_count_t started, deadline, max_cycles;

static void log_errors(avr_t *avr, const int level, const char *format, va_list arguments) {
    (void)avr;
    if (level <= LOG_ERROR) vfprintf(stderr, format, arguments);
}

/* A chip whose RAM ends below 0x100 has no SPH (ATtiny13A). */
static unsigned stack_pointer(const avr_t *avr) {
    return avr->data[SP_LOW] + (ram_end > 0xff ? avr->data[SP_HIGH] * 256u : 0u);
}

static uint8_t on_read(avr_t *avr, avr_io_addr_t address, void *unused) {
    const int byte = getc(input);
    (void)address;
    (void)unused;
    ended = byte == EOF;
    if (!counting) deadline = avr->cycle + max_cycles;
    return ended ? 0 : (uint8_t)byte;
}

static void on_write(avr_t *avr, avr_io_addr_t address, uint8_t value, void *unused) {
    (void)avr;
    (void)address;
    (void)unused;
    putc(value, output);
}

/* One cycle of the two `out` instructions lies between the marks: it is subtracted. */
static void on_mark(avr_t *avr, avr_io_addr_t address, uint8_t value, void *unused) {
    (void)address;
    (void)unused;
    if (value) {
        started = avr->cycle;
        stack_at_start = stack_lowest = stack_pointer(avr);
        deadline = started + max_cycles;
    } else {
        printf("%lu %u\n", (unsigned long)(avr->cycle - started - 1), stack_at_start - stack_lowest);
    }
    counting = value;
}

static avr_t *started_avr(const char *mcu, const char *path) {
    static elf_firmware_t firmware;
    avr_t *avr = avr_make_mcu_by_name(mcu);
    if (!avr || elf_read_firmware(path, &firmware)) return NULL;
    firmware.frequency = 16000000;
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    ram_end = avr->ramend;
    avr_register_io_read(avr, READ, on_read, NULL);
    avr_register_io_write(avr, WRITE, on_write, NULL);
    avr_register_io_write(avr, MARK, on_mark, NULL);
    return avr;
}

int main(int count, char **arguments) {
    avr_t *avr;
    if (count != 6) return 2;
    avr_global_logger_set(log_errors);
    max_cycles = strtoull(arguments[5], NULL, 10);
    input = fopen(arguments[3], "rb");
    output = fopen(arguments[4], "wb");
    avr = started_avr(arguments[1], arguments[2]);
    if (!input || !output || !avr) return 2;
    for (deadline = max_cycles; !ended;) {
        const int state = avr_run(avr);
        if (state == cpu_Crashed || state == cpu_Done || state == cpu_Sleeping) return 3;
        if (avr->cycle > deadline) return 4;
        if (counting && stack_pointer(avr) < stack_lowest) stack_lowest = stack_pointer(avr);
    }
    return fclose(output) || ferror(stdout) ? 2 : 0;
}
