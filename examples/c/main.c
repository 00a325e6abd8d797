/* Firmware in C: main and SysTick share a map, through the library and the header that Rust makes of src/lib.rs.
 * SysTick counts events by identifier. Main, which it interrupts at any instruction, walks through the counts, and
 * takes one out when the map is full. Until then, events with other identifiers are refused.
 *
 * $ cargo build --release --target-dir target
 * $ arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb -Os -Wall -Wextra -Werror -ffreestanding -nostdlib -z noexecstack \
 *     -Wl,--gc-sections -Iinclude -Tlink.ld main.c target/thumbv7m-none-eabi/release/libtwinmap_u32.a \
 *     -o target/twinmap-c
 * $ qemu-system-arm -M lm3s6965evb -icount shift=7 -nographic -semihosting-config enable=on,target=native \
 *     -kernel target/twinmap-c
 */
#include "twinmap_u32.h"

static volatile uint32_t *const SYSTICK = (volatile uint32_t *)0xE000E010; // Control, reload, current.
static volatile uint32_t counted, full, busy;

static void semihosting(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static void print(const char *text) { semihosting(0x04, text); }
static void leave(uint32_t status) { semihosting(0x20, (const uint32_t[]){0x20026, status}); }

static void print_number(uint32_t number) {
    char text[11], *digit = &text[10];
    *digit = 0;
    do *--digit = '0' + number % 10; while (number /= 10);
    print(digit);
}

static void systick(void) {
    static uint32_t random;
    random = random * 1664525 + 1013904223;
    uint32_t identifier = (random >> 16) % 100, count = 0;
    twinmap_get(identifier, &count); // It stays 0 if there is none.
    switch (twinmap_insert(identifier, count + 1, NULL)) {
    case TWINMAP_OK: counted++; break;
    case TWINMAP_FULL: full++; break;
    default: busy++; // Main is in the way, and goes on only when this returns.
    }
}

static void add(uint32_t identifier, uint32_t count, void *sum) {
    (void)identifier;
    *(uint32_t *)sum += count;
}

int main(void) {
    SYSTICK[1] = 12500 - 1; // A millisecond.
    SYSTICK[2] = 0;
    SYSTICK[0] = 4 | 2 | 1; // The core's clock, interrupts, on.
    uint32_t taken = 0, left = 0, count;
    for (uint32_t turn = 0; counted < 3000; turn++) {
        uint32_t before = counted, sum = taken;
        twinmap_for_each(add, &sum);
        if (sum < before || sum > counted) { print("c: a walk went wrong\n"); return 1; }
        if (twinmap_len() == 64 && twinmap_remove(turn % 100, &count) == TWINMAP_OK) taken += count;
    }
    SYSTICK[0] = 0;
    twinmap_for_each(add, &left);
    if (taken + left != counted || full == 0) { print("c: events are missing\n"); return 1; }
    print("c: ok: "), print_number(taken), print(" events taken out, "), print_number(left), print(" left, "),
        print_number(full), print(" refused by the full map, "), print_number(busy), print(" by the busy one\n");
    return 0;
}

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end; // See link.ld.

void reset(void) {
    for (uint32_t *to = &data_start, *from = &data_load; to < &data_end;) *to++ = *from++;
    for (uint32_t *to = &bss_start; to < &bss_end;) *to++ = 0;
    leave(main());
}

static void fault(void) { print("c: a fault\n"), leave(1); }
__attribute__((section(".vectors"), used)) static void (*const vectors[16])(void) = {
    (void (*)(void))&stack_top, reset, fault, fault, fault, fault, fault, [15] = systick};
