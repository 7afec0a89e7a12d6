/* Runs a program on a simulated AVR (libsimavr) with somebody at the other end of its serial line.
 *
 *     serial_line MCU PROGRAM.elf HZ BIT_CYCLES ANSWERS PAUSE:COUNT... <sent
 *
 * For each PAUSE:COUNT the line is silent for PAUSE cycles, then COUNT bytes of standard input go
 * out, 8 bits without parity. What the program sends all the while goes to the file ANSWERS. Where
 * the processor has no serial port, bits come at PB1 and go out at PB0. The exit status is 0 at the
 * end of the last part, 1 where a byte did not end with its stop bit, 3 where the program crashed.
 */
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_elf.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *answered;
static avr_irq_t *line; /* to the port where there is one, else to the pin */
static int by_pin, ended, broken;
static avr_cycle_count_t bit_cycles;
static char **parts;           /* PAUSE:COUNT that are left */
static long left;              /* bytes of this part */
static unsigned bits, to_send; /* of the byte on the line; the first one is the lowest */
static unsigned heard, heard_bits;

static avr_cycle_count_t talk(avr_t *avr, avr_cycle_count_t when, void *unused) {
    if (to_send) {
        avr_raise_irq(line, bits & 1);
        bits >>= 1;
        to_send--;
        return when + bit_cycles;
    }
    if (left) {
        left--;
        if (!by_pin) {
            avr_raise_irq(line, (unsigned)getchar());
            return when + 11 * bit_cycles; /* simavr takes time for a parity bit as well */
        }
        bits = (unsigned)getchar() << 1 | 0x200;
        to_send = 10;
        return talk(avr, when, unused);
    }
    if (*parts) {
        char *count;
        when += strtoull(*parts++, &count, 10);
        left = strtol(count + 1, NULL, 10);
        return when;
    }
    ended = 1;
    return 0;
}

static avr_cycle_count_t listen(avr_t *avr, avr_cycle_count_t when, void *pin) {
    (void)avr;
    heard |= (((avr_irq_t *)pin)->value & 1) << heard_bits;
    if (++heard_bits < 9) return when + bit_cycles;
    putc(heard & 0xff, answered);
    broken |= !(heard & 0x100);
    heard = heard_bits = 0;
    return 0;
}

static void on_pin(avr_irq_t *pin, uint32_t level, void *avr) {
    if (level || avr_cycle_timer_status(avr, listen, pin)) return;
    avr_cycle_timer_register(avr, bit_cycles * 3 / 2, listen, pin);
}

static void on_byte(avr_irq_t *port, uint32_t byte, void *unused) {
    (void)port;
    (void)unused;
    putc((int)byte, answered);
}

static void connect(avr_t *avr) {
    uint32_t flags = 0;
    avr_irq_t *answers = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT);
    by_pin = !answers;
    if (by_pin) {
        answers = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), IOPORT_IRQ_PIN0);
        avr_irq_register_notify(answers, on_pin, avr);
        line = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), IOPORT_IRQ_PIN1);
        avr_raise_irq(line, 1);
    } else {
        avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags); /* print nothing, never sleep */
        avr_irq_register_notify(answers, on_byte, NULL);
        line = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    }
}

int main(int count, char **arguments) {
    static elf_firmware_t firmware;
    avr_t *avr;
    if (count < 7) return 2;
    avr = avr_make_mcu_by_name(arguments[1]);
    answered = fopen(arguments[5], "wb");
    if (!answered || !avr || elf_read_firmware(arguments[2], &firmware)) return 2;
    firmware.frequency = (uint32_t)strtoul(arguments[3], NULL, 10);
    bit_cycles = strtoull(arguments[4], NULL, 10);
    parts = arguments + 6;
    avr_init(avr);
    avr_load_firmware(avr, &firmware);
    connect(avr);
    avr_cycle_timer_register(avr, 1, talk, NULL);
    while (!ended && !broken) {
        const int state = avr_run(avr);
        if (state == cpu_Crashed || state == cpu_Done) return 3;
    }
    return fclose(answered) ? 2 : broken;
}
