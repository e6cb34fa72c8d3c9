#!/bin/bash
echo "helper ran ${1:-}"
