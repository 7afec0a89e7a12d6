"""The programs and networks that tinydigits is compared with."""
