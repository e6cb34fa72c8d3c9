#!/bin/bash
echo "tool at $(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) with $# $*"
